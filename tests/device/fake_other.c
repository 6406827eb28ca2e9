/* fake_other.c - a shared object that is no module of crmpi, for test_device_open.c. */
int crm_fake_other = 1;
